<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
<context>
    <name>SamGeomed</name>
    <message>
        <source>{path} is there already: add it to the project and choose it, or take another name.</source>
        <translation>{path} gibt es schon: ins Projekt laden und wählen, oder einen anderen Namen nehmen.</translation>
    </message>
    <message>
        <source>QGIS cannot open it</source>
        <translation>QGIS kann die Datei nicht öffnen</translation>
    </message>
    <message>
        <source>{path} cannot be written: {why}.</source>
        <translation>{path} kann nicht geschrieben werden: {why}.</translation>
    </message>
    <message>
        <source>Choose a layer of polygons to save to, or press New.</source>
        <translation>Einen Polygonlayer zum Speichern wählen oder auf „Neu…“ drücken.</translation>
    </message>
    <message>
        <source>{layer} does not take the object: {why}.</source>
        <translation>{layer} nimmt das Objekt nicht an: {why}.</translation>
    </message>
    <message>
        <source>it may be read-only</source>
        <translation>vielleicht ist der Layer schreibgeschützt</translation>
    </message>
    <message>
        <source>There is no outline to save.</source>
        <translation>Es gibt keinen Umriss zu speichern.</translation>
    </message>
    <message numerus="yes">
        <source>The object has %n parts and {layer} takes one: choose a layer of multipolygons.</source>
        <translation>
            <numerusform>Das Objekt hat %n Teil und {layer} nimmt einen auf: einen Layer mit Multipolygonen wählen.</numerusform>
            <numerusform>Das Objekt hat %n Teile und {layer} nimmt einen auf: einen Layer mit Multipolygonen wählen.</numerusform>
        </translation>
    </message>
    <message>
        <source>Raster</source>
        <translation>Raster</translation>
    </message>
    <message>
        <source>Model</source>
        <translation>Modell</translation>
    </message>
    <message>
        <source>Bands, one or three: red, green and blue where not given</source>
        <translation>Kanäle, einer oder drei: Rot, Grün und Blau, wenn nicht angegeben</translation>
    </message>
    <message>
        <source>Values that become black and white: min,max or none; chosen where empty</source>
        <translation>Werte, die schwarz und weiß werden: min,max oder none; wenn leer, automatisch gewählt</translation>
    </message>
    <message>
        <source>Objects</source>
        <translation>Objekte</translation>
    </message>
    <message>
        <source>Starting the server …</source>
        <translation>Der Server wird gestartet …</translation>
    </message>
    <message>
        <source>the job failed</source>
        <translation>der Auftrag ist fehlgeschlagen</translation>
    </message>
    <message>
        <source>A window failed: {why}</source>
        <translation>Ein Fenster ist fehlgeschlagen: {why}</translation>
    </message>
    <message>
        <source>Estimates how right a class map is, and how large its classes really are, with 95 %
intervals, from points whose true class somebody has looked up.

The points must have been drawn by chance: those of Sample a class map, or any simple random or
systematic sample. No interval follows from points that were chosen by hand, nor from those that
trained the map.

Give the column of the true class; points without one do not count, and the log tells how many.
Selected points alone are used where Selected features only is ticked, and edits that are not saved
yet count too.

Accuracies: users, of what the map calls a class, the share that is; producers, of the class as it
really is, the share that the map calls so. mapped is the area that the map has, area the estimated
true one, each with the ends of its 95 % interval. All are true areas on the ellipsoid.

The error matrix, which is made where asked for, has a row for each pair of classes: its points, and
the share of the whole area.

Estimates and standard errors are those of Olofsson et al. (2014), and of Stehman (2014) where
points were drawn in other strata than the classes of the map.

For research and mapping.</source>
        <translation>Schätzt, wie richtig eine Klassenkarte ist und wie groß ihre Klassen wirklich sind, mit 95-%-Konfidenzintervallen, aus Punkten, deren wahre Klasse jemand nachgesehen hat.

Die Punkte müssen zufällig gezogen sein: die von „Stichprobe einer Klassenkarte ziehen“, oder jede einfache Zufallsstichprobe oder systematische Stichprobe. Aus Punkten, die von Hand gewählt wurden, folgt kein Intervall, auch nicht aus denen, mit denen die Karte trainiert wurde.

Die Spalte mit der wahren Klasse angeben; Punkte ohne sie zählen nicht, und das Protokoll sagt, wie viele es sind. Wo „Nur gewählte Objekte“ angehakt ist, werden allein die gewählten Punkte verwendet; auch noch nicht gespeicherte Änderungen zählen.

Genauigkeiten: users (Nutzergenauigkeit) ist von dem, was die Karte einer Klasse zuordnet, der Anteil, der ihr wirklich angehört; producers (Produzentengenauigkeit) von der Klasse, wie sie wirklich ist, der Anteil, den die Karte ihr zuordnet. mapped ist die Fläche in der Karte, area die geschätzte wahre, jeweils mit den Grenzen des 95-%-Intervalls. Alle Flächen sind wahre Flächen auf dem Ellipsoid.

Die Fehlermatrix, die auf Wunsch erstellt wird, hat eine Zeile für jedes Paar von Klassen: ihre Punkte und den Anteil an der Gesamtfläche.

Schätzwerte und Standardfehler sind die von Olofsson et al. (2014), und von Stehman (2014), wo die Punkte in anderen Strata als den Klassen der Karte gezogen wurden.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Assess a class map</source>
        <translation>Genauigkeit einer Klassenkarte schätzen</translation>
    </message>
    <message>
        <source>Class maps</source>
        <translation>Klassenkarten</translation>
    </message>
    <message>
        <source>accuracy,area,error matrix,confusion,validation,land cover</source>
        <translation>Genauigkeit,Fläche,Fehlermatrix,Konfusionsmatrix,Validierung,Landbedeckung,accuracy,area,error matrix,confusion,validation,land cover</translation>
    </message>
    <message>
        <source>Overall accuracy</source>
        <translation>Gesamtgenauigkeit</translation>
    </message>
    <message>
        <source>Lower end of its 95 % interval</source>
        <translation>Untere Grenze ihres 95-%-Intervalls</translation>
    </message>
    <message>
        <source>Upper end of its 95 % interval</source>
        <translation>Obere Grenze ihres 95-%-Intervalls</translation>
    </message>
    <message>
        <source>Points that count</source>
        <translation>Punkte, die zählen</translation>
    </message>
    <message>
        <source>Class map</source>
        <translation>Klassenkarte</translation>
    </message>
    <message>
        <source>Points with their true class</source>
        <translation>Punkte mit ihrer wahren Klasse</translation>
    </message>
    <message>
        <source>Column of the true class</source>
        <translation>Spalte der wahren Klasse</translation>
    </message>
    <message>
        <source>Unit of areas</source>
        <translation>Flächeneinheit</translation>
    </message>
    <message>
        <source>Accuracies and areas</source>
        <translation>Genauigkeiten und Flächen</translation>
    </message>
    <message>
        <source>Error matrix</source>
        <translation>Fehlermatrix</translation>
    </message>
    <message>
        <source>class</source>
        <translation>Klasse</translation>
    </message>
    <message>
        <source>user&apos;s accuracy</source>
        <translation>Nutzergenauigkeit</translation>
    </message>
    <message>
        <source>producer&apos;s accuracy</source>
        <translation>Produzentengenauigkeit</translation>
    </message>
    <message>
        <source>mapped, {unit}</source>
        <translation>kartiert, {unit}</translation>
    </message>
    <message>
        <source>area, {unit}</source>
        <translation>Fläche, {unit}</translation>
    </message>
    <message numerus="yes">
        <source>Overall accuracy {overall} (%n points, 95 % intervals)</source>
        <translation>
            <numerusform>Gesamtgenauigkeit {overall} (%n Punkt, 95-%-Intervalle)</numerusform>
            <numerusform>Gesamtgenauigkeit {overall} (%n Punkte, 95-%-Intervalle)</numerusform>
        </translation>
    </message>
    <message>
        <source>Points: map in rows, truth in columns</source>
        <translation>Punkte: Karte in Zeilen, Wahrheit in Spalten</translation>
    </message>
    <message>
        <source>Outlines of everything that stands out in a raster of any size.

The raster is gone through in windows that overlap, and objects across windows become one. On a
plain processor a window of 1024 x 1024 pixels takes about a minute; fewer points along each side of
a window are faster and find fewer small objects.

Quality and stability are thresholds of the network&apos;s own estimates: lower values find more objects,
and more that are none. Regions of fewer pixels than the least size are holes that are filled and
islands that are removed.

A raster file of this machine may have any size. Of other layers the pixels are sent, at most 16
million; save a part of larger ones as a GeoTIFF.

For research and mapping.</source>
        <translation>Umrisse von allem, was sich in einem Raster beliebiger Größe abhebt.

Das Raster wird in überlappenden Fenstern durchlaufen, und Objekte über Fenstergrenzen hinweg werden eines. Auf einem gewöhnlichen Prozessor dauert ein Fenster von 1024 x 1024 Pixeln etwa eine Minute; weniger Punkte je Fensterseite gehen schneller und finden weniger kleine Objekte.

Qualität und Stabilität sind Schwellen für die eigenen Schätzungen des Netzes: niedrigere Werte finden mehr Objekte, und mehr, die keine sind. Bereiche mit weniger Pixeln als der Mindestgröße werden gefüllt, wenn sie Löcher sind, und entfernt, wenn sie Inseln sind.

Eine Rasterdatei auf diesem Rechner darf beliebig groß sein. Von anderen Layern werden die Pixel gesendet, höchstens 16 Millionen; von größeren einen Teil als GeoTIFF speichern.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Segment everything</source>
        <translation>Alles segmentieren</translation>
    </message>
    <message>
        <source>segment,SAM,automatic,everything,polygons</source>
        <translation>Segmentierung,SAM,automatisch,alles,Polygone,segment,automatic,everything,polygons</translation>
    </message>
    <message>
        <source>Points along each side of a window</source>
        <translation>Punkte entlang jeder Seite eines Fensters</translation>
    </message>
    <message>
        <source>Least quality as the network estimates it</source>
        <translation>Mindestqualität nach Schätzung des Netzes</translation>
    </message>
    <message>
        <source>Least stability</source>
        <translation>Mindeststabilität</translation>
    </message>
    <message>
        <source>Least size of holes and islands in pixels</source>
        <translation>Mindestgröße von Löchern und Inseln in Pixeln</translation>
    </message>
    <message>
        <source>Try the boxes of superpixels in place of points</source>
        <translation>Die Boxen von Superpixeln statt Punkten versuchen</translation>
    </message>
    <message>
        <source>Compares two class maps of one place: polygons of what changed, with both classes,
areas from each class to each class, and the share of each that misregistration alone could
explain.

The maps may differ in grid, resolution, extent and reference system; the pixels of the first one
are compared. Classes are the same where their names are, which the file MAP.job.json beside a
map gives; without such a file, values are names.

Two maps that lie half a pixel beside each other show change along all of their borders. How much
of a change that could be stands in the log and in the report, and for each polygon in the column
misreg: 1 is a sliver along a border, 0 is nothing of the kind. State how many pixels the maps
may lie beside each other, if you know better than half a pixel.

With a saved model, before and after are images: Land cover is made of both by the model first,
and the two maps stay beside the polygons, as NAME_before.tif and NAME_after.tif.

Small polygons can be left out; the areas in log, record and report count every change. Areas are
true areas on the ellipsoid.

A map that is right in 90 of 100 pixels may show more false change than true one: draw a sample
of the change and look it up before you trust a number.

For research and mapping.</source>
        <translation>Vergleicht zwei Klassenkarten eines Gebiets: Polygone dessen, was sich geändert hat, mit beiden Klassen, die Flächen von jeder Klasse zu jeder Klasse, und jeweils der Anteil, den allein ein Lageversatz erklären könnte.

Die Karten dürfen sich in Gitter, Auflösung, Ausdehnung und Koordinatenbezugssystem unterscheiden; verglichen werden die Pixel der ersten. Klassen sind gleich, wo ihre Namen gleich sind, die in der Datei MAP.job.json neben einer Karte stehen; ohne eine solche Datei sind die Werte die Namen.

Zwei Karten, die einen halben Pixel gegeneinander versetzt sind, zeigen Änderungen entlang all ihrer Grenzen. Wie viel einer Änderung das sein könnte, steht im Protokoll und im Bericht, und für jedes Polygon in der Spalte misreg: 1 ist ein Splitter entlang einer Grenze, 0 nichts dergleichen. Den möglichen Versatz in Pixeln angeben, wenn er besser bekannt ist als ein halber Pixel.

Mit einem gespeicherten Modell sind vorher und nachher Bilder: aus beiden macht das Modell zuerst Landbedeckung, und die beiden Karten bleiben neben den Polygonen, als NAME_before.tif und NAME_after.tif.

Kleine Polygone können weggelassen werden; die Flächen in Protokoll, Begleitdatei und Bericht zählen jede Änderung. Flächen sind wahre Flächen auf dem Ellipsoid.

Eine Karte, die in 90 von 100 Pixeln stimmt, kann mehr falsche Änderung zeigen als wahre: eine Stichprobe der Änderung ziehen und nachsehen, bevor man einer Zahl traut.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Change between two class maps</source>
        <translation>Änderung zwischen zwei Klassenkarten</translation>
    </message>
    <message>
        <source>change,difference,transition,from-to,land cover,classification</source>
        <translation>Änderung,Veränderung,Differenz,Übergang,Landbedeckung,Klassifikation,change,difference,transition,from-to,land cover,classification</translation>
    </message>
    <message>
        <source>Area that changed, ha</source>
        <translation>Geänderte Fläche, ha</translation>
    </message>
    <message>
        <source>Share of it that misregistration could explain</source>
        <translation>Anteil daran, den ein Lageversatz erklären könnte</translation>
    </message>
    <message>
        <source>Polygons</source>
        <translation>Polygone</translation>
    </message>
    <message>
        <source>Class map before</source>
        <translation>Klassenkarte vorher</translation>
    </message>
    <message>
        <source>Class map after</source>
        <translation>Klassenkarte nachher</translation>
    </message>
    <message>
        <source>Saved model, where before and after are images</source>
        <translation>Gespeichertes Modell, wenn vorher und nachher Bilder sind</translation>
    </message>
    <message>
        <source>Pixels by which the maps may lie beside each other</source>
        <translation>Pixel, um die die Karten gegeneinander versetzt sein können</translation>
    </message>
    <message>
        <source>Leave out polygons smaller than, in m²</source>
        <translation>Polygone weglassen, die kleiner sind als, in m²</translation>
    </message>
    <message>
        <source>Leave out polygons of fewer pixels than</source>
        <translation>Polygone weglassen mit weniger Pixeln als</translation>
    </message>
    <message>
        <source>Names of the bands of both images in their order, where the model&apos;s differ</source>
        <translation>Namen der Kanäle beider Bilder in ihrer Reihenfolge, wenn die des Modells andere sind</translation>
    </message>
    <message>
        <source>Polygons of change</source>
        <translation>Polygone der Änderung</translation>
    </message>
    <message>
        <source>Report</source>
        <translation>Bericht</translation>
    </message>
    <message>
        <source>HTML files (*.html)</source>
        <translation>HTML-Dateien (*.html)</translation>
    </message>
    <message>
        <source>{changed:.6g} of {compared:.6g} ha changed; misregistration of up to {beside:g} pixels alone could explain {share:.1%} of that</source>
        <translation>{changed:.6g} von {compared:.6g} ha haben sich geändert; {share:.1%} davon könnte allein ein Lageversatz von bis zu {beside:g} Pixeln erklären</translation>
    </message>
    <message>
        <source>{before} to {after}: {area:.6g} ha, {share:.1%} of it could be misregistration</source>
        <translation>{before} zu {after}: {area:.6g} ha, {share:.1%} davon könnte Lageversatz sein</translation>
    </message>
    <message>
        <source>polygons: {count}</source>
        <translation>Polygone: {count}</translation>
    </message>
    <message numerus="yes">
        <source>, %n smaller ones left out</source>
        <translation>
            <numerusform>, %n kleineres weggelassen</numerusform>
            <numerusform>, %n kleinere weggelassen</numerusform>
        </translation>
    </message>
    <message>
        <source>Teaches a network your own objects: about 20 polygons that were drawn, or accepted and
corrected, on one image. Selected features alone are used where Selected features only is ticked,
and edits that are not saved yet count.

The polygons are parted in space: about half are learned, some say when to stop, and the rest
judge, before and after. If you have polygons from another place of the image, let those judge.

Where the taught network is not better on the judging polygons beyond chance, nothing is written,
and the log says so with its figures.

The network sees the three bands that the layer is drawn with.

Name: under this name the network can be chosen from then on, in the panel Segment Anything (the
next time it starts), and on this machine by --model NAME. Choose it for images of the same kind.

Decoder takes minutes. Encoder changes how images are seen, for unusual ones, and takes longer.

For research and mapping.</source>
        <translation>Lehrt ein Netz die eigenen Objekte: etwa 20 Polygone auf einem Bild, die gezeichnet oder übernommen und korrigiert wurden. Wo „Nur gewählte Objekte“ angehakt ist, werden allein die gewählten verwendet; auch noch nicht gespeicherte Änderungen zählen.

Die Polygone werden räumlich aufgeteilt: etwa die Hälfte wird gelernt, einige sagen, wann aufzuhören ist, und die übrigen urteilen, vorher und nachher. Gibt es Polygone von einer anderen Stelle des Bildes, sollten diese urteilen.

Ist das angelernte Netz auf den urteilenden Polygonen nicht über den Zufall hinaus besser, wird nichts geschrieben, und das Protokoll sagt es mit seinen Zahlen.

Das Netz sieht die drei Kanäle, mit denen der Layer gezeichnet ist.

Name: unter diesem Namen kann das Netz von da an im Bedienfeld Segment Anything gewählt werden (wenn dieses das nächste Mal startet), und auf diesem Rechner mit --model NAME. Es ist für Bilder derselben Art zu wählen.

decoder dauert Minuten. encoder ändert, wie Bilder gesehen werden, für ungewöhnliche Bilder, und dauert länger.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Learn from polygons</source>
        <translation>Aus Polygonen lernen</translation>
    </message>
    <message>
        <source>Networks</source>
        <translation>Netze</translation>
    </message>
    <message>
        <source>learn,teach,train,fine-tune,finetune,SAM,model</source>
        <translation>lernen,anlernen,trainieren,Feinabstimmung,Modell,learn,teach,train,fine-tune,finetune,SAM,model</translation>
    </message>
    <message>
        <source>Mean IoU by box, before</source>
        <translation>Mittlere IoU mit Box, vorher</translation>
    </message>
    <message>
        <source>Mean IoU by box, after</source>
        <translation>Mittlere IoU mit Box, nachher</translation>
    </message>
    <message>
        <source>Mean IoU by point, before</source>
        <translation>Mittlere IoU mit Punkt, vorher</translation>
    </message>
    <message>
        <source>Mean IoU by point, after</source>
        <translation>Mittlere IoU mit Punkt, nachher</translation>
    </message>
    <message>
        <source>Image</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Polygons to learn</source>
        <translation>Zu lernende Polygone</translation>
    </message>
    <message>
        <source>Name of the new network</source>
        <translation>Name des neuen Netzes</translation>
    </message>
    <message>
        <source>Tuned network</source>
        <translation>Angelerntes Netz</translation>
    </message>
    <message>
        <source>Tuned networks (*.safetensors)</source>
        <translation>Angelernte Netze (*.safetensors)</translation>
    </message>
    <message>
        <source>Verdict</source>
        <translation>Urteil</translation>
    </message>
    <message>
        <source>Name by which it is chosen</source>
        <translation>Name, unter dem es gewählt wird</translation>
    </message>
    <message>
        <source>Network to start from</source>
        <translation>Netz, von dem ausgegangen wird</translation>
    </message>
    <message>
        <source>What learns</source>
        <translation>Was lernt</translation>
    </message>
    <message>
        <source>Polygons that judge, in place of a part</source>
        <translation>Polygone, die urteilen, statt eines Teils</translation>
    </message>
    <message>
        <source>Most passes over the polygons; 0 for as many as they need</source>
        <translation>Höchstzahl der Durchgänge durch die Polygone; 0 für so viele wie nötig</translation>
    </message>
    <message>
        <source>Turned, mirrored and brightened versions of the image</source>
        <translation>Gedrehte, gespiegelte und aufgehellte Fassungen des Bildes</translation>
    </message>
    <message>
        <source>Seed: another number gives other parts</source>
        <translation>Startwert: eine andere Zahl ergibt andere Teile</translation>
    </message>
    <message>
        <source>Keep the network also where it is not better</source>
        <translation>Das Netz auch behalten, wenn es nicht besser ist</translation>
    </message>
    <message>
        <source>{verdict} Nothing is written.</source>
        <translation>{verdict} Es wird nichts geschrieben.</translation>
    </message>
    <message>
        <source>It is called {name}: choose it in the panel Segment Anything.</source>
        <translation>Es heißt {name}: im Bedienfeld Segment Anything wählen.</translation>
    </message>
    <message>
        <source>Choose a file for the tuned network.</source>
        <translation>Eine Datei für das angelernte Netz wählen.</translation>
    </message>
    <message>
        <source>Makes a land-cover map: each pixel with data gets the class that your samples say it
looks like, and its probability in per cent, as the second band.

Samples are points, lines or polygons with a column that names the class, as words or whole
numbers. Draw a few for each class, in different parts of the image. Selected features alone are
used where Selected features only is ticked, and edits that are not saved yet count. What does
not count, as it lies outside or has no class, is told.

Several rasters, such as other dates, sensors or a terrain model, are put on the grid of the
first. All bands are used. Spectral indices are features too, by the names that spyndex gives
them: ndvi,ndwi. They need to know the bands, by the names in the files or by yours.

Objects are polygons that get one class each, such as fields. A pixel keeps a class of its own
where it is surely something else, as a pond in a field is.

What the network makes of the object around a pixel may be tried as a feature too. It is used only
where it helps on ground that was not learned.

In place of samples, a saved model makes the map of another image with the same bands.

Accuracy: the first figure is that of ground which was not learned. The one of samples chosen by
chance is too good, as neighbours are alike. For true areas with intervals give the map to Sample
a class map.

Beside the map lies MAP.job.json: classes, areas, accuracies, features, and samples that the
others contradict. The report is a page with all of that to look at. A run that is cancelled
leaves nothing.

For research and mapping.</source>
        <translation>Erstellt eine Karte der Landbedeckung: jeder Pixel mit Daten bekommt die Klasse, nach der er den Trainingsdaten zufolge aussieht, und deren Wahrscheinlichkeit in Prozent als zweiten Kanal.

Trainingsdaten sind Punkte, Linien oder Polygone mit einer Spalte, die die Klasse nennt, als Wort oder ganze Zahl. Für jede Klasse einige zeichnen, in verschiedenen Teilen des Bildes. Wo „Nur gewählte Objekte“ angehakt ist, werden allein die gewählten verwendet; auch noch nicht gespeicherte Änderungen zählen. Was nicht zählt, weil es außerhalb liegt oder keine Klasse hat, wird gemeldet.

Mehrere Raster, etwa anderer Zeitpunkte oder Sensoren oder ein Geländemodell, werden auf das Gitter des ersten gebracht. Alle Kanäle werden verwendet. Auch Spektralindizes sind Merkmale, mit den Namen, die spyndex ihnen gibt: ndvi,ndwi. Dafür müssen die Kanäle bekannt sein, aus den Namen in den Dateien oder aus den eigenen.

Objekte sind Polygone, die je eine Klasse bekommen, etwa Felder. Ein Pixel behält eine eigene Klasse, wo er sicher etwas anderes ist, wie ein Teich in einem Feld.

Auch was das Netz aus dem Objekt um einen Pixel macht, kann als Merkmal versucht werden. Es wird nur verwendet, wo es auf Gelände hilft, das nicht gelernt wurde.

Statt Trainingsdaten erstellt ein gespeichertes Modell die Karte eines anderen Bildes mit denselben Kanälen.

Genauigkeit: die erste Zahl gilt für Gelände, das nicht gelernt wurde. Die von zufällig gewählten Trainingsdaten ist zu gut, weil Nachbarn sich gleichen. Für wahre Flächen mit Konfidenzintervallen die Karte an „Stichprobe einer Klassenkarte ziehen“ geben.

Neben der Karte liegt MAP.job.json: Klassen, Flächen, Genauigkeiten, Merkmale, und Trainingsdaten, denen die anderen widersprechen. Der Bericht ist eine Seite, auf der das alles anzusehen ist. Ein abgebrochener Lauf hinterlässt nichts.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Land cover from samples</source>
        <translation>Landbedeckung aus Trainingsdaten</translation>
    </message>
    <message>
        <source>land cover,land use,classification,supervised,training,random forest</source>
        <translation>Landbedeckung,Landnutzung,Klassifikation,überwacht,Training,Random Forest,land cover,land use,classification,supervised,training,random forest</translation>
    </message>
    <message>
        <source>Accuracy on ground that was not learned</source>
        <translation>Genauigkeit auf nicht gelerntem Gelände</translation>
    </message>
    <message>
        <source>Mean F1 of the classes there</source>
        <translation>Mittleres F1 der Klassen dort</translation>
    </message>
    <message>
        <source>Rasters, on the grid of the first</source>
        <translation>Raster, auf dem Gitter des ersten</translation>
    </message>
    <message>
        <source>Samples with their class</source>
        <translation>Trainingsdaten mit ihrer Klasse</translation>
    </message>
    <message>
        <source>Column of the class</source>
        <translation>Spalte der Klasse</translation>
    </message>
    <message>
        <source>Saved model, in place of samples</source>
        <translation>Gespeichertes Modell, statt Trainingsdaten</translation>
    </message>
    <message>
        <source>Spectral indices, such as ndvi,ndwi</source>
        <translation>Spektralindizes, etwa ndvi,ndwi</translation>
    </message>
    <message>
        <source>Objects that get one class each</source>
        <translation>Objekte, die je eine Klasse bekommen</translation>
    </message>
    <message>
        <source>Names of all bands in their order, such as blue,green,red,nir</source>
        <translation>Namen aller Kanäle in ihrer Reihenfolge, etwa blue,green,red,nir</translation>
    </message>
    <message>
        <source>Independent random points with their true class</source>
        <translation>Unabhängige Zufallspunkte mit ihrer wahren Klasse</translation>
    </message>
    <message>
        <source>Column of their true class</source>
        <translation>Spalte ihrer wahren Klasse</translation>
    </message>
    <message>
        <source>Objects are everything that the network finds</source>
        <translation>Objekte sind alles, was das Netz findet</translation>
    </message>
    <message>
        <source>Try what the network makes of each object as a feature</source>
        <translation>Was das Netz aus jedem Objekt macht, als Merkmal versuchen</translation>
    </message>
    <message>
        <source>Network</source>
        <translation>Netz</translation>
    </message>
    <message>
        <source>Classifier</source>
        <translation>Klassifikator</translation>
    </message>
    <message>
        <source>A polygon for each</source>
        <translation>Ein Polygon je</translation>
    </message>
    <message>
        <source>Pixels of the smallest piece of a class that stays</source>
        <translation>Pixel des kleinsten Stücks einer Klasse, das bleibt</translation>
    </message>
    <message>
        <source>Seed: another number gives other folds</source>
        <translation>Startwert: eine andere Zahl ergibt eine andere Aufteilung</translation>
    </message>
    <message>
        <source>Tolerance of the polygons in units of the raster&apos;s system; a pixel where empty</source>
        <translation>Toleranz der Polygone in Einheiten des Koordinatenbezugssystems; ein Pixel, wenn leer</translation>
    </message>
    <message>
        <source>Land-cover map</source>
        <translation>Karte der Landbedeckung</translation>
    </message>
    <message>
        <source>Land-cover polygons</source>
        <translation>Polygone der Landbedeckung</translation>
    </message>
    <message>
        <source>Model, to be used for other images</source>
        <translation>Modell, für andere Bilder zu verwenden</translation>
    </message>
    <message>
        <source>Models (*.skops)</source>
        <translation>Modelle (*.skops)</translation>
    </message>
    <message>
        <source>Give samples to learn from, or a saved model: one of the two.</source>
        <translation>Trainingsdaten zum Lernen oder ein gespeichertes Modell angeben: eines von beiden.</translation>
    </message>
    <message>
        <source>Give objects, or have the network find them: one of the two.</source>
        <translation>Objekte angeben oder sie vom Netz finden lassen: eines von beiden.</translation>
    </message>
    <message>
        <source>{failed} of {total} blocks failed and are without a class: {why}</source>
        <translation>{failed} von {total} Blöcken sind fehlgeschlagen und ohne Klasse: {why}</translation>
    </message>
    <message>
        <source>{name}: {area:,.1f} ha ({size})</source>
        <translation>{name}: {area:,.1f} ha ({size})</translation>
    </message>
    <message>
        <source>accuracy on ground that was not learned: {overall:.3f} (macro F1 {macro_f1:.3f})</source>
        <translation>Genauigkeit auf nicht gelerntem Gelände: {overall:.3f} (Makro-F1 {macro_f1:.3f})</translation>
    </message>
    <message>
        <source>accuracy of samples chosen by chance, beside others that were learned: {overall:.3f} (too good: neighbours are alike)</source>
        <translation>Genauigkeit zufällig gewählter Trainingsdaten, neben anderen, die gelernt wurden: {overall:.3f} (zu gut: Nachbarn gleichen sich)</translation>
    </message>
    <message>
        <source>the model was trained on another image: nothing says yet how right this map is</source>
        <translation>das Modell wurde auf einem anderen Bild trainiert: wie richtig diese Karte ist, sagt noch nichts</translation>
    </message>
    <message>
        <source>accuracy by independent points: {value:.3f} ({low:.3f} to {high:.3f})</source>
        <translation>Genauigkeit nach unabhängigen Punkten: {value:.3f} ({low:.3f} bis {high:.3f})</translation>
    </message>
    <message>
        <source>For each feature of a layer, the outline of the object that it points at.

A polygon counts as a box around the object, a point as a click on it. Points with the same value
in a field object_id belong to one object; a field label with 1 and 0 tells clicks on the object
from clicks beside it. Any reference system will do.

One feature in, one row out, in the raster&apos;s reference system: where nothing was found the row has
no geometry, and the field status says why (empty, outside, nodata, invalid).

A raster file of this machine may have any size. Of other layers the pixels are sent, at most 16
million; save a part of larger ones as a GeoTIFF.

For research and mapping.</source>
        <translation>Für jedes Objekt eines Layers der Umriss dessen, worauf es zeigt.

Ein Polygon zählt als Box um das Objekt, ein Punkt als Klick darauf. Punkte mit demselben Wert in einem Feld object_id gehören zu einem Objekt; ein Feld label mit 1 und 0 unterscheidet Klicks auf das Objekt von Klicks daneben. Jedes Koordinatenbezugssystem ist recht.

Ein Objekt hinein, eine Zeile heraus, im Koordinatenbezugssystem des Rasters: wo nichts gefunden wurde, hat die Zeile keine Geometrie, und das Feld status sagt, warum (empty, outside, nodata, invalid).

Eine Rasterdatei auf diesem Rechner darf beliebig groß sein. Von anderen Layern werden die Pixel gesendet, höchstens 16 Millionen; von größeren einen Teil als GeoTIFF speichern.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Segment objects from boxes or points</source>
        <translation>Objekte aus Boxen oder Punkten segmentieren</translation>
    </message>
    <message>
        <source>segment,SAM,boxes,points,polygons,prompt</source>
        <translation>Segmentierung,SAM,Boxen,Punkte,Polygone,Prompt,segment,boxes,points,polygons,prompt</translation>
    </message>
    <message>
        <source>Boxes, polygons or points</source>
        <translation>Boxen, Polygone oder Punkte</translation>
    </message>
    <message>
        <source>Field with the class (class or label where not given)</source>
        <translation>Feld mit der Klasse (class oder label, wenn nicht angegeben)</translation>
    </message>
    <message>
        <source>Draws a random sample of a class map, to find out how right the map is and how large its
classes really are.

Look up the true class of each point over a better image, and choose it in the column reference. The
map&apos;s own class stands in the column stratum, which forms do not show: do not look at it, as it
would lead you. Save the layer to a file before you begin, then give it to Assess a class map.

A class that is not in the list, because the map does not have it, can be written when the column&apos;s
widget is set to Text Edit (Layer Properties, Attributes Form).

Points in each class: proportional, by its area, with 25 or so for rare classes; equal, as many in
each, for accuracies of rare classes; neyman, where they narrow the interval of the overall accuracy
most, which needs a map with the probability of each class as its second band. Three hundred points
give the overall accuracy within about four per cent.

The column weight_m2 says what area a point stands for. The same map, number of points and seed give
the same points.

The map is a raster file of one band of whole numbers. Names of its classes are taken from the file
MAP.job.json beside it, where there is one.

For research and mapping.</source>
        <translation>Zieht eine Zufallsstichprobe aus einer Klassenkarte, um herauszufinden, wie richtig die Karte ist und wie groß ihre Klassen wirklich sind.

Die wahre Klasse jedes Punktes über einem besseren Bild nachsehen und in der Spalte reference wählen. Die Klasse der Karte selbst steht in der Spalte stratum, die Formulare nicht zeigen: sie bleibt besser ungesehen, weil sie das Urteil lenken würde. Den Layer vor Beginn in einer Datei speichern, danach an „Genauigkeit einer Klassenkarte schätzen“ geben.

Eine Klasse, die nicht in der Liste steht, weil die Karte sie nicht hat, kann eingegeben werden, wenn das Bedienelement der Spalte auf Textbearbeitung gesetzt wird (Layereigenschaften, Attributformular).

Punkte je Klasse: proportional, nach ihrer Fläche, mit etwa 25 für seltene Klassen; equal, gleich viele in jeder, für die Genauigkeiten seltener Klassen; neyman, wo sie das Intervall der Gesamtgenauigkeit am meisten verkleinern, wofür die Karte die Wahrscheinlichkeit jeder Klasse als zweiten Kanal braucht. Dreihundert Punkte ergeben die Gesamtgenauigkeit auf etwa vier Prozent.

Die Spalte weight_m2 sagt, für welche Fläche ein Punkt steht. Dieselbe Karte, Punktzahl und derselbe Startwert ergeben dieselben Punkte.

Die Karte ist eine Rasterdatei mit einem Kanal ganzer Zahlen. Die Namen ihrer Klassen kommen aus der Datei MAP.job.json daneben, wenn es sie gibt.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Sample a class map</source>
        <translation>Stichprobe einer Klassenkarte ziehen</translation>
    </message>
    <message>
        <source>sample,accuracy,validation,land cover,classification,stratified</source>
        <translation>Stichprobe,Genauigkeit,Validierung,Landbedeckung,Klassifikation,stratifiziert,sample,accuracy,validation,land cover,classification,stratified</translation>
    </message>
    <message>
        <source>Number of points</source>
        <translation>Anzahl der Punkte</translation>
    </message>
    <message>
        <source>Points in each class</source>
        <translation>Punkte je Klasse</translation>
    </message>
    <message>
        <source>Seed: another number draws another sample</source>
        <translation>Startwert: eine andere Zahl zieht eine andere Stichprobe</translation>
    </message>
    <message>
        <source>Points to look up</source>
        <translation>Punkte zum Nachsehen</translation>
    </message>
    <message numerus="yes">
        <source>{name}: %n points for {area:,.1f} ha</source>
        <translation>
            <numerusform>{name}: %n Punkt für {area:,.1f} ha</numerusform>
            <numerusform>{name}: %n Punkte für {area:,.1f} ha</numerusform>
        </translation>
    </message>
    <message>
        <source>Outlines of the objects that words describe, such as solar panel.

A detector looks for the words in windows that overlap and gives boxes; the model outlines the
object in each box. Separate several phrases by semicolons: each is a class, in the field class, and
the field text_score says how well an object goes with it, 0 to 1.

Detectors need the library transformers in the suite&apos;s environment (extra hf), and are fetched from
the Hugging Face Hub when they are first used. For sam3 you have to accept its terms there and to
log in. They learned from photographs: look at what they find from above before you trust it.

Small objects are found in smaller windows. A least score of 0 takes that of the detector.

For research and mapping.</source>
        <translation>Umrisse der Objekte, die Wörter beschreiben, etwa solar panel.

Ein Detektor sucht die Wörter in überlappenden Fenstern und liefert Boxen; das Modell umreißt das Objekt in jeder Box. Mehrere Ausdrücke mit Semikolon trennen: jeder ist eine Klasse, im Feld class, und das Feld text_score sagt von 0 bis 1, wie gut ein Objekt dazu passt.

Detektoren brauchen die Bibliothek transformers in der Umgebung der Suite (Extra hf) und werden vom Hugging Face Hub geholt, wenn sie zum ersten Mal verwendet werden. Für sam3 sind dort dessen Bedingungen anzunehmen und eine Anmeldung nötig. Sie haben aus Fotografien gelernt: was sie von oben finden, vor dem Vertrauen ansehen.

Kleine Objekte werden in kleineren Fenstern gefunden. Eine Mindestbewertung von 0 nimmt die des Detektors.

Für Forschung und Kartierung.</translation>
    </message>
    <message>
        <source>Segment objects by words</source>
        <translation>Objekte nach Wörtern segmentieren</translation>
    </message>
    <message>
        <source>segment,SAM,text,words,detect,polygons</source>
        <translation>Segmentierung,SAM,Text,Wörter,erkennen,Polygone,segment,text,words,detect,polygons</translation>
    </message>
    <message>
        <source>Words, several separated by semicolons</source>
        <translation>Wörter, mehrere durch Semikolon getrennt</translation>
    </message>
    <message>
        <source>Detector</source>
        <translation>Detektor</translation>
    </message>
    <message>
        <source>Least score, 0 for that of the detector</source>
        <translation>Mindestbewertung, 0 für die des Detektors</translation>
    </message>
    <message>
        <source>Side of the windows in pixels, what the detector is made for where not given</source>
        <translation>Seite der Fenster in Pixeln; wofür der Detektor gemacht ist, wenn nicht angegeben</translation>
    </message>
    <message>
        <source>Give words to look for, such as solar panel.</source>
        <translation>Wörter angeben, nach denen gesucht wird, etwa solar panel.</translation>
    </message>
    <message>
        <source>Segment</source>
        <translation>Segmentieren</translation>
    </message>
    <message>
        <source>Server</source>
        <translation>Server</translation>
    </message>
    <message>
        <source>Use {name}</source>
        <translation>{name} verwenden</translation>
    </message>
    <message>
        <source>such as tree (optional)</source>
        <translation>etwa Baum (freiwillig)</translation>
    </message>
    <message>
        <source>(none)</source>
        <translation>(keiner)</translation>
    </message>
    <message>
        <source>New…</source>
        <translation>Neu…</translation>
    </message>
    <message>
        <source>Make a GeoPackage for accepted objects</source>
        <translation>Ein GeoPackage für übernommene Objekte anlegen</translation>
    </message>
    <message>
        <source>Learn from these…</source>
        <translation>Hieraus lernen…</translation>
    </message>
    <message>
        <source>Teach a network the polygons of this layer, in the background</source>
        <translation>Ein Netz im Hintergrund die Polygone dieses Layers lehren</translation>
    </message>
    <message>
        <source>Class</source>
        <translation>Klasse</translation>
    </message>
    <message>
        <source>Save to</source>
        <translation>Speichern in</translation>
    </message>
    <message>
        <source>Click on the map</source>
        <translation>Auf die Karte klicken</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Redo</source>
        <translation>Wiederholen</translation>
    </message>
    <message>
        <source>Shift+Z</source>
        <translation>Umschalt+Z</translation>
    </message>
    <message>
        <source>Clear</source>
        <translation>Leeren</translation>
    </message>
    <message>
        <source>Esc</source>
        <translation>Esc</translation>
    </message>
    <message>
        <source>Accept</source>
        <translation>Übernehmen</translation>
    </message>
    <message>
        <source>Enter</source>
        <translation>Eingabe</translation>
    </message>
    <message>
        <source>{text} ({key} on the map)</source>
        <translation>{text} ({key} auf der Karte)</translation>
    </message>
    <message>
        <source>Install the suite…</source>
        <translation>Suite installieren…</translation>
    </message>
    <message>
        <source>Make the Python environment in which the networks run</source>
        <translation>Die Python-Umgebung anlegen, in der die Netze laufen</translation>
    </message>
    <message>
        <source>Click with the network that was just taught</source>
        <translation>Mit dem soeben angelernten Netz klicken</translation>
    </message>
    <message>
        <source>Choose an image, then click on the map.</source>
        <translation>Ein Bild wählen, dann auf die Karte klicken.</translation>
    </message>
    <message>
        <source>found by itself</source>
        <translation>wird selbst gefunden</translation>
    </message>
    <message>
        <source>Make, repair or remove the environment in QGIS&apos;s profile</source>
        <translation>Die Umgebung im QGIS-Profil anlegen, reparieren oder entfernen</translation>
    </message>
    <message>
        <source>End the server</source>
        <translation>Server beenden</translation>
    </message>
    <message>
        <source>It starts again with the next click</source>
        <translation>Er startet beim nächsten Klick wieder</translation>
    </message>
    <message>
        <source>Environment of the suite (folder)</source>
        <translation>Umgebung der Suite (Ordner)</translation>
    </message>
    <message>
        <source>What the server says</source>
        <translation>Was der Server meldet</translation>
    </message>
    <message>
        <source>Click</source>
        <translation>Klick</translation>
    </message>
    <message>
        <source>on the object</source>
        <translation>auf das Objekt</translation>
    </message>
    <message>
        <source>Right click</source>
        <translation>Rechtsklick</translation>
    </message>
    <message>
        <source>beside it (or Ctrl)</source>
        <translation>daneben (oder Strg)</translation>
    </message>
    <message>
        <source>Drag</source>
        <translation>Ziehen</translation>
    </message>
    <message>
        <source>box around it</source>
        <translation>Box darum</translation>
    </message>
    <message>
        <source>accept</source>
        <translation>übernehmen</translation>
    </message>
    <message>
        <source>undo, redo</source>
        <translation>rückgängig, wiederholen</translation>
    </message>
    <message>
        <source>clear</source>
        <translation>leeren</translation>
    </message>
    <message>
        <source>Del</source>
        <translation>Entf</translation>
    </message>
    <message>
        <source>prompt at pointer</source>
        <translation>Prompt am Mauszeiger</translation>
    </message>
    <message>
        <source>The plugin needs the suite in a Python environment of its own: press Install the suite… in the panel Segment Anything. Or in a terminal:
{commands}It is found there by itself; one that lies elsewhere is chosen on the tab Server of the panel, or with the setting {setting}.</source>
        <translation>Die Erweiterung braucht die Suite in einer eigenen Python-Umgebung: im Bedienfeld Segment Anything auf „Suite installieren…“ drücken. Oder in einem Terminal:
{commands}Dort wird sie selbst gefunden; liegt sie woanders, wird sie auf dem Reiter Server des Bedienfelds gewählt, oder mit der Einstellung {setting}.</translation>
    </message>
    <message>
        <source>No suite at {path}.</source>
        <translation>Keine Suite in {path}.</translation>
    </message>
    <message>
        <source>{name} is not beside {path}.</source>
        <translation>{name} liegt nicht neben {path}.</translation>
    </message>
    <message>
        <source>Install the suite</source>
        <translation>Suite installieren</translation>
    </message>
    <message>
        <source>cancelling …</source>
        <translation>wird abgebrochen …</translation>
    </message>
    <message>
        <source>Done.</source>
        <translation>Fertig.</translation>
    </message>
    <message>
        <source>Cancelled.</source>
        <translation>Abgebrochen.</translation>
    </message>
    <message>
        <source>working …</source>
        <translation>läuft …</translation>
    </message>
    <message>
        <source>The networks run in a Python environment beside QGIS, in the folder of your profile: about 2.4 GB. Nothing is installed into QGIS itself. Packages come as your pip is configured, or from a bundle on a machine without internet.</source>
        <translation>Die Netze laufen in einer Python-Umgebung neben QGIS, im Ordner des Profils: etwa 2,4 GB. In QGIS selbst wird nichts installiert. Pakete kommen, wie pip eingestellt ist, oder auf einem Rechner ohne Internet aus einem Bündel.</translation>
    </message>
    <message>
        <source>Bundles (*.zip)</source>
        <translation>Bündel (*.zip)</translation>
    </message>
    <message>
        <source>none: packages come by pip</source>
        <translation>keines: Pakete kommen über pip</translation>
    </message>
    <message>
        <source>none: your own index</source>
        <translation>keiner: der eigene Index</translation>
    </message>
    <message>
        <source>Folder</source>
        <translation>Ordner</translation>
    </message>
    <message>
        <source>Installed</source>
        <translation>Installiert</translation>
    </message>
    <message>
        <source>Bundle</source>
        <translation>Bündel</translation>
    </message>
    <message>
        <source>PyTorch from</source>
        <translation>PyTorch von</translation>
    </message>
    <message>
        <source>Press Install.</source>
        <translation>Auf „Installieren“ drücken.</translation>
    </message>
    <message>
        <source>Install</source>
        <translation>Installieren</translation>
    </message>
    <message>
        <source>Repair</source>
        <translation>Reparieren</translation>
    </message>
    <message>
        <source>Remove</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>not installed</source>
        <translation>nicht installiert</translation>
    </message>
    <message>
        <source>not whole: install it again</source>
        <translation>unvollständig: neu installieren</translation>
    </message>
    <message>
        <source>the plugin brings another version: install it</source>
        <translation>die Erweiterung bringt eine andere Version mit: installieren</translation>
    </message>
    <message>
        <source>looking for a Python</source>
        <translation>ein Python wird gesucht</translation>
    </message>
    <message>
        <source>making an environment</source>
        <translation>eine Umgebung wird angelegt</translation>
    </message>
    <message>
        <source>updating pip</source>
        <translation>pip wird aktualisiert</translation>
    </message>
    <message>
        <source>verifying the bundle</source>
        <translation>das Bündel wird geprüft</translation>
    </message>
    <message>
        <source>verifying</source>
        <translation>wird geprüft</translation>
    </message>
    <message>
        <source>done</source>
        <translation>fertig</translation>
    </message>
    <message>
        <source>On Linux the usual PyTorch brings gigabytes for NVIDIA&apos;s GPUs. Without such a GPU, give the address of the builds for CPUs, which pytorch.org shows under Get Started.</source>
        <translation>Unter Linux bringt das übliche PyTorch Gigabytes für NVIDIA-GPUs mit. Ohne eine solche GPU die Adresse der Pakete für CPUs angeben, die pytorch.org unter „Get Started“ zeigt.</translation>
    </message>
    <message>
        <source>The server ended unexpectedly; a new one was started and your prompts are there again. Repeat the last step.</source>
        <translation>Der Server wurde unerwartet beendet; ein neuer läuft, und die Prompts sind wieder da. Den letzten Schritt wiederholen.</translation>
    </message>
    <message>
        <source>The server had closed the image, which it does after an hour without a click; it is open again, with your prompts. Repeat the last step.</source>
        <translation>Der Server hatte das Bild geschlossen, was er nach einer Stunde ohne Klick tut; es ist wieder offen, mit den Prompts. Den letzten Schritt wiederholen.</translation>
    </message>
    <message>
        <source>Choose a raster layer first.</source>
        <translation>Zuerst einen Rasterlayer wählen.</translation>
    </message>
    <message>
        <source>This place does not exist in the layer&apos;s reference system.</source>
        <translation>Diesen Ort gibt es im Koordinatenbezugssystem des Layers nicht.</translation>
    </message>
    <message>
        <source>Starting the suite …</source>
        <translation>Die Suite wird gestartet …</translation>
    </message>
    <message>
        <source>{layer} has no reference system: set it in the layer&apos;s properties.</source>
        <translation>{layer} hat kein Koordinatenbezugssystem: es in den Layereigenschaften setzen.</translation>
    </message>
    <message>
        <source>{layer} has no column {column}: it has {columns}.</source>
        <translation>{layer} hat keine Spalte {column}: vorhanden ist {columns}.</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
    <message>
        <source>cannot copy {layer}: {why}</source>
        <translation>{layer} kann nicht kopiert werden: {why}</translation>
    </message>
    <message>
        <source>Choose a raster layer that can be read.</source>
        <translation>Einen Rasterlayer wählen, der gelesen werden kann.</translation>
    </message>
    <message>
        <source>{layer} is no raster file: save it as a GeoTIFF (Export, Save As) and take that.</source>
        <translation>{layer} ist keine Rasterdatei: als GeoTIFF speichern (Exportieren, Speichern als) und dieses nehmen.</translation>
    </message>
    <message>
        <source>{layer} has no reference system, so that nothing is known of its areas: give the file one (Assign Projection).</source>
        <translation>{layer} hat kein Koordinatenbezugssystem, so dass über Flächen nichts bekannt ist: der Datei eines geben (Projektion zuweisen).</translation>
    </message>
    <message>
        <source>The layer gives no pixels of this window: {why}</source>
        <translation>Der Layer liefert keine Pixel dieses Fensters: {why}</translation>
    </message>
    <message>
        <source>unknown</source>
        <translation>unbekannt</translation>
    </message>
    <message>
        <source>Nothing of {layer} is visible: zoom to it and click again.</source>
        <translation>Von {layer} ist nichts sichtbar: dorthin zoomen und erneut klicken.</translation>
    </message>
    <message>
        <source>{layer} has no size of its own: save the part that you want as a GeoTIFF (Export, Save As) and take that.</source>
        <translation>{layer} hat keine eigene Größe: den gewünschten Teil als GeoTIFF speichern (Exportieren, Speichern als) und dieses nehmen.</translation>
    </message>
    <message>
        <source>{columns} x {rows} pixels of {layer} would have to be sent, {most} are possible: zoom in, or save the part that you want as a GeoTIFF.</source>
        <translation>{columns} x {rows} Pixel von {layer} wären zu senden, {most} sind möglich: hineinzoomen oder den gewünschten Teil als GeoTIFF speichern.</translation>
    </message>
    <message>
        <source>Pixels of type {kind} cannot be sent.</source>
        <translation>Pixel des Typs {kind} können nicht gesendet werden.</translation>
    </message>
    <message>
        <source>(the server ended unexpectedly)</source>
        <translation>(der Server wurde unerwartet beendet)</translation>
    </message>
    <message>
        <source>(the server was ended)</source>
        <translation>(der Server wurde beendet)</translation>
    </message>
    <message>
        <source>Opening the image … the first time, the model is fetched too.</source>
        <translation>Das Bild wird geöffnet … beim ersten Mal wird auch das Modell geholt.</translation>
    </message>
    <message>
        <source>There is nothing to accept yet: click on an object first.</source>
        <translation>Es gibt noch nichts zu übernehmen: zuerst auf ein Objekt klicken.</translation>
    </message>
    <message>
        <source>The server was ended.</source>
        <translation>Der Server wurde beendet.</translation>
    </message>
    <message>
        <source>Click on an object, or drag a box around it.</source>
        <translation>Auf ein Objekt klicken oder eine Box darum ziehen.</translation>
    </message>
    <message>
        <source>There is nothing to accept. {why}</source>
        <translation>Es gibt nichts zu übernehmen. {why}</translation>
    </message>
    <message>
        <source>the suite&apos;s result cannot be read</source>
        <translation>das Ergebnis der Suite kann nicht gelesen werden</translation>
    </message>
    <message>
        <source>{name} did not answer in JSON: update the suite</source>
        <translation>{name} hat nicht in JSON geantwortet: die Suite aktualisieren</translation>
    </message>
    <message>
        <source>cannot start {name}: {why}</source>
        <translation>{name} kann nicht gestartet werden: {why}</translation>
    </message>
    <message>
        <source>{what}: {done} of {total}</source>
        <translation>{what}: {done} von {total}</translation>
    </message>
    <message>
        <source>the program ended with exit code {code}</source>
        <translation>das Programm endete mit dem Rückgabewert {code}</translation>
    </message>
    <message>
        <source>Accepted objects go to {path}.</source>
        <translation>Übernommene Objekte kommen in {path}.</translation>
    </message>
    <message>
        <source>The suite is there. Choose an image, then click on the map.</source>
        <translation>Die Suite ist da. Ein Bild wählen, dann auf die Karte klicken.</translation>
    </message>
    <message>
        <source>{what} added to {layer} (not yet saved: the layer is being edited). Next object?</source>
        <translation>{what} zu {layer} hinzugefügt (noch nicht gespeichert: der Layer wird bearbeitet). Nächstes Objekt?</translation>
    </message>
    <message>
        <source>{what} added to {layer}. Next object?</source>
        <translation>{what} zu {layer} hinzugefügt. Nächstes Objekt?</translation>
    </message>
    <message>
        <source>Save accepted objects to</source>
        <translation>Übernommene Objekte speichern in</translation>
    </message>
    <message>
        <source>GeoPackage (*.gpkg)</source>
        <translation>GeoPackage (*.gpkg)</translation>
    </message>
    <message>
        <source>Choose the image, and the layer of polygons to learn from.</source>
        <translation>Das Bild und den Polygonlayer wählen, aus dem gelernt wird.</translation>
    </message>
    <message>
        <source>Mean IoU by box: {before:.3f} before, {after:.3f} after.</source>
        <translation>Mittlere IoU mit Box: {before:.3f} vorher, {after:.3f} nachher.</translation>
    </message>
    <message>
        <source>Mean IoU by point: {before:.3f} before, {after:.3f} after.</source>
        <translation>Mittlere IoU mit Punkt: {before:.3f} vorher, {after:.3f} nachher.</translation>
    </message>
    <message>
        <source>The server will be {program}. A running one goes on until it is ended.</source>
        <translation>Der Server wird {program} sein. Ein laufender bleibt, bis er beendet wird.</translation>
    </message>
    <message>
        <source>running, version {version}, process {process}</source>
        <translation>läuft, Version {version}, Prozess {process}</translation>
    </message>
    <message>
        <source>not running</source>
        <translation>läuft nicht</translation>
    </message>
    <message>
        <source>Nothing was found there: add a click, or drag a box around the object.</source>
        <translation>Dort wurde nichts gefunden: einen Klick hinzufügen oder eine Box um das Objekt ziehen.</translation>
    </message>
    <message>
        <source>That lies outside the image. Z takes it back.</source>
        <translation>Das liegt außerhalb des Bildes. Z nimmt es zurück.</translation>
    </message>
    <message>
        <source>The image has no data at that place (nodata). Z takes it back.</source>
        <translation>Das Bild hat an dieser Stelle keine Daten (nodata). Z nimmt es zurück.</translation>
    </message>
    <message>
        <source>Found: {size}. Enter accepts it.</source>
        <translation>Gefunden: {size}. Eingabe übernimmt es.</translation>
    </message>
    <message>
        <source>Found: {size}, score {score:.2f}. Enter accepts it.</source>
        <translation>Gefunden: {size}, Bewertung {score:.2f}. Eingabe übernimmt es.</translation>
    </message>
    <message numerus="yes">
        <source>%n pixels</source>
        <translation>
            <numerusform>%n Pixel</numerusform>
            <numerusform>%n Pixel</numerusform>
        </translation>
    </message>
    <message>
        <source>unexpected {name}</source>
        <translation>unerwartet: {name}</translation>
    </message>
</context>
</TS>
